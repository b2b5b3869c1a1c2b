// Which form of a test runs: the short one with `npm test`, the whole one with `npm run long`.

export const isLong = process.env.MILLPOND_FORM === 'long'

/** How much of something: in the short form, and in the long one. */
export const sized = <T>(short: T, long: T): T => (isLong ? long : short)
