// Deadlines as they are stored.

/** The largest time of a Date; anything later means never. */
const LAST_INSTANT = 8.64e15

/** In whole milliseconds since the epoch, rounded up; undefined for never. */
export const deadlineIn = (expiresAt: number): number | undefined =>
  expiresAt > LAST_INSTANT ? undefined : Math.ceil(expiresAt)
