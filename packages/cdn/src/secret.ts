// A credential that never shows itself: not in JSON, in a template, or in `console.log`.
import { inspect } from 'node:util'

const HIDDEN = '[secret]'

/** Holds a credential. Only `reveal()` returns it, and only when a request is signed. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The text itself. */
  reveal(): string {
    return this.#value
  }

  /** For display: never the text. */
  toString(): string {
    return HIDDEN
  }

  /** For display: never the text. */
  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}

/** A credential as options take it. */
export type SecretLike = string | Secret

export const secretOf = (value: SecretLike): Secret => (typeof value === 'string' ? new Secret(value) : value)

/** Another service's text, with any credentials in it masked. */
export function scrub(text: string, secrets: readonly (Secret | undefined)[]): string {
  return secrets.reduce(
    (rest, secret) => (secret === undefined ? rest : rest.replaceAll(secret.reveal(), HIDDEN)),
    text,
  )
}
