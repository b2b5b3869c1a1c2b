// What this browser holds of a sign-in. A cookie that scripts cannot read where the server gives one; else the token,
// for this tab only.

const key = (base: string): string => `millpond ${base}`

export interface Credentials {
  readonly token: string | undefined
  /**
   * Whether asking the server who is signed in has a chance: a question without one would only put an error into the
   * console.
   */
  readonly isLikely: boolean
}

export function heldCredentials(base: string): Credentials {
  const token = read(() => sessionStorage.getItem(key(base))) ?? undefined
  return { token, isLikely: token !== undefined || read(() => localStorage.getItem(key(base))) === 'cookie' }
}

export function keepToken(base: string, token: string): void {
  read(() => sessionStorage.setItem(key(base), token))
}

/** From now on the cookie speaks. */
export function keepCookie(base: string): void {
  read(() => sessionStorage.removeItem(key(base)))
  read(() => localStorage.setItem(key(base), 'cookie'))
}

export function forgetCredentials(base: string): void {
  read(() => sessionStorage.removeItem(key(base)))
  read(() => localStorage.removeItem(key(base)))
}

/** Storage may be forbidden by the browser or its owner: then nothing is held. */
function read<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
