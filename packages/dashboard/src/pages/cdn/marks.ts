// Vendors' messages are shown in rows that name the vendor.

/** Without the prefix "[millpond] [cloudflare]". */
export const withoutMarks = (message: string): string => message.replace(/^(?:\[\w+\] )+/, '')
