// A credential that shows itself to nobody: not to JSON, not to a template, not to `console.log`.
import { inspect } from 'node:util'

const HIDDEN = '[secret]'

/** Holds a credential. Only `reveal()` gives it, and only where a request is signed. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The text itself. */
  reveal(): string {
    return this.#value
  }

  /** What may be shown: never the text. */
  toString(): string {
    return HIDDEN
  }

  /** What may be shown: never the text. */
  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}

/** A credential as options may give it. */
export type SecretLike = string | Secret

export const secretOf = (value: SecretLike): Secret => (typeof value === 'string' ? new Secret(value) : value)

/** A text of somebody else's without the credentials that it may repeat. */
export function scrub(text: string, secrets: readonly (Secret | undefined)[]): string {
  return secrets.reduce(
    (rest, secret) => (secret === undefined ? rest : rest.replaceAll(secret.reveal(), HIDDEN)),
    text,
  )
}
