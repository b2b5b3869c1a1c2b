// The names of keys and channels. A kind letter keeps entries, records and leases apart, whatever the storage keys are.

/**
 * The braces are a hash tag: in a cluster a namespace's record and leases share a slot. What would end the tag early is
 * encoded.
 */
function slot(namespace: string): string {
  // An empty tag would be none.
  return `{${namespace.replace(/[%{}]/g, encodeURIComponent) || '%'}}`
}

export class Names {
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  entry(key: string): string {
    return `${this.#prefix}e:${key}`
  }

  /** The storage key of an entry's name, or undefined for other names. */
  keyOf(name: string): string | undefined {
    const head = this.entry('')
    return name.startsWith(head) ? name.slice(head.length) : undefined
  }

  record(namespace: string): string {
    return `${this.#prefix}l:${slot(namespace)}`
  }

  /** The moves of all namespaces. No namespace has a name without braces. */
  moves(): string {
    return `${this.#prefix}l:moves`
  }

  /** When the heart of each process last beat. */
  heartbeats(): string {
    return `${this.#prefix}l:heartbeats`
  }

  /** How far a process is, in each namespace that it uses. */
  process(id: string): string {
    return `${this.#prefix}p:${id}`
  }

  lease(namespace: string, key: string): string {
    return `${this.#prefix}k:${slot(namespace)}:${key}`
  }

  nodes(namespace: string): string {
    return `${this.#prefix}n:${slot(namespace)}`
  }

  channel(namespace: string): string {
    return `${this.#prefix}c:${slot(namespace)}`
  }

  /** A part of a node channel. Nothing else of that slot may be named here: its parts are changed together. */
  meeting(channel: string, part: string): string {
    return `${this.#prefix}m:${slot(channel)}:${part}`
  }

  /** A MATCH pattern for entries under the prefix, taken literally. */
  match(prefix: string): string {
    return `${this.entry(prefix).replace(/[\\*?[\]^]/g, '\\$&')}*`
  }
}
