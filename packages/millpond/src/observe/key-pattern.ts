// From a key to the pattern it belongs to: user:123:profile -> user:*:profile.

/** Beyond this, a long key is not read. */
const MAX_READ = 256
const SEPARATORS = /([:/|,\s?&=#[\]"]+)/
const VERSION = /^v\d{1,3}$/i
const DIGIT = /\d/
const NUMBER = /^[+-]?\d+$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const HEX = /^(?=.*\d)[0-9a-f]{8,}$/i
// Ids such as nanoid, ULID or base64: long, with digits and letters mixed.
const TOKEN = /^(?=.*\d)(?=.*[a-z])[\w+~=-]{16,}$/i
const DATE = /^\d{4}-\d{2}(?:-\d{2})?(?:T\d{2})?$/
const COUNTED = /^([a-z_-]*[a-z_-])\d+$/i
const IDS: readonly RegExp[] = [NUMBER, UUID, HEX, TOKEN, DATE]
const LONGEST_WORD = 40

/**
 * The key with every part that looks like an id replaced by `*`: numbers, UUIDs, hashes, tokens, e-mail addresses,
 * dates, words of over 40 characters; `page12` becomes `page*`, a version such as `v1` stays. Tuples in their encoded
 * form (`["user",7]`) too. Time is linear in the key, of which at most 256 characters are read.
 */
export function keyPattern(key: string): string {
  const isCut = key.length > MAX_READ
  const parts = (isCut ? key.slice(0, MAX_READ) : key).split(SEPARATORS)
  let pattern = ''
  for (const [i, part] of parts.entries()) pattern += i % 2 === 1 ? part : partPattern(part)
  return isCut ? `${pattern}…` : pattern
}

/** An e-mail address is one id, including dots; elsewhere a dot separates. */
function partPattern(part: string): string {
  if (part.includes('@')) return '*'
  return part.includes('.') ? part.split('.').map(wordPattern).join('.') : wordPattern(part)
}

function wordPattern(word: string): string {
  if (word.length > LONGEST_WORD) return '*'
  if (!DIGIT.test(word) || VERSION.test(word)) return word
  return IDS.some((id) => id.test(word)) ? '*' : word.replace(COUNTED, '$1*')
}
