// A deadline as a store keeps it.

/** Beyond what a Date can say: never. */
const LAST_INSTANT = 8.64e15

/** In whole milliseconds since the epoch, never early; undefined for never. */
export const deadlineIn = (expiresAt: number): number | undefined =>
  expiresAt > LAST_INSTANT ? undefined : Math.ceil(expiresAt)
