// This browser's sign-in: a cookie that scripts cannot read if the server sets one; else the token, for this tab only.

const key = (base: string): string => `millpond ${base}`

export interface Credentials {
  readonly token: string | undefined
  /** Whether it is worth asking the server who is signed in: a failing request would show an error in the console. */
  readonly isLikely: boolean
}

export function heldCredentials(base: string): Credentials {
  const token = read(() => sessionStorage.getItem(key(base))) ?? undefined
  return { token, isLikely: token !== undefined || read(() => localStorage.getItem(key(base))) === 'cookie' }
}

export function keepToken(base: string, token: string): void {
  read(() => sessionStorage.setItem(key(base), token))
}

/** From now on the cookie is used. */
export function keepCookie(base: string): void {
  read(() => sessionStorage.removeItem(key(base)))
  read(() => localStorage.setItem(key(base), 'cookie'))
}

export function forgetCredentials(base: string): void {
  read(() => sessionStorage.removeItem(key(base)))
  read(() => localStorage.removeItem(key(base)))
}

/** Storage may be blocked by the browser or its owner: then nothing is stored. */
function read<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
