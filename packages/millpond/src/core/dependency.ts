// Tags by which an entry says what it was computed from. They begin with a control character that tags of users may not begin with.

const MARK = '\u0001'
const MARK_CODE = 1

/** The tag of what was computed from the key. */
export const dependencyTag = (key: string): string => `${MARK}${key}`

/** The key that such a tag names; undefined for a tag of a user. */
export const dependencyKey = (tag: string): string | undefined => (tag.charCodeAt(0) === MARK_CODE ? tag.slice(1) : undefined)
