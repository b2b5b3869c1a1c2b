// The names of keys and channels. A kind letter keeps entries, records and leases apart, whatever the storage keys
// contain.

/**
 * The braces are a hash tag: in a cluster a namespace's record and leases share a slot. Characters that would end the
 * tag early are encoded.
 */
function slot(namespace: string): string {
  // An empty tag would not count as a tag.
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

  /** When each process last sent a heartbeat. */
  heartbeats(): string {
    return `${this.#prefix}l:heartbeats`
  }

  /** The position of a process in each namespace that it uses. */
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

  /** A part of a node channel. No other name belongs in that slot: its parts are changed together. */
  meeting(channel: string, part: string): string {
    return `${this.#prefix}m:${slot(channel)}:${part}`
  }

  /** A MATCH pattern for entries under the prefix, taken literally. */
  match(prefix: string): string {
    return `${this.entry(prefix).replace(/[\\*?[\]^]/g, '\\$&')}*`
  }
}
