// Demo tokens: signed with a secret that is new at every start, so that none outlives it.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

export interface Caller {
  readonly userId: number
  /** The organisation that the caller uses unless another is named. */
  readonly organizationId: number
}

export interface Tokens {
  issue(caller: Caller): string
  /** Undefined for any token that was not issued since this start. */
  read(token: string): Caller | undefined
}

/** `secret`: at least 32 characters, for programs that must know the tokens beforehand. Default: random. */
export function createTokens(secret: string | undefined): Tokens {
  const key = secret ?? randomBytes(32)
  const sign = (claim: string) => createHmac('sha256', key).update(claim).digest('base64url')
  return {
    issue: ({ userId, organizationId }) => `${userId}.${organizationId}.${sign(`${userId}.${organizationId}`)}`,
    read: (token) => {
      const match = /^([1-9]\d{0,9})\.([1-9]\d{0,9})\.([\w-]{43})$/.exec(token)
      if (!match) return undefined
      const [, userId = '', organizationId = '', signature = ''] = match
      const expected = Buffer.from(sign(`${userId}.${organizationId}`))
      return timingSafeEqual(expected, Buffer.from(signature))
        ? { userId: Number(userId), organizationId: Number(organizationId) }
        : undefined
    },
  }
}
