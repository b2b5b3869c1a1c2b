// Messages of vendors stand in rows that name the vendor.

/** Without "[millpond] [cloudflare]" before it. */
export const withoutMarks = (message: string): string => message.replace(/^(?:\[\w+\] )+/, '')
