// The keys of one tenant, unwrapped: a ring like any other, which learns what becomes of its record.
import type { CodecOptions, KeyRing } from '../core/codec-options.ts'
import type { Codec } from '../core/contracts.ts'
import { type TenantRecord, unwrapKey } from './tenant-record.ts'
import { valueCodec } from './value-codec.ts'

export class TenantRing implements KeyRing {
  readonly #tenant: string
  readonly #by: KeyRing
  #current = ''
  #isShredded = false
  #keys: ReadonlyMap<string, Uint8Array> = new Map()
  /** By the options that made them: each counts nonces of its own. */
  readonly #codecs = new Map<CodecOptions, Codec>()

  constructor(tenant: string, by: KeyRing) {
    this.#tenant = tenant
    this.#by = by
  }

  get current(): string {
    return this.#current
  }

  get ids(): readonly string[] {
    return [...this.#keys.keys()]
  }

  get isShredded(): boolean {
    return this.#isShredded
  }

  /** Has it a key to seal with? Not where none was made yet, and where the ring does not have the key that wraps it. */
  get canSeal(): boolean {
    return this.#keys.has(this.#current)
  }

  key(id: string): Uint8Array | undefined {
    return this.#keys.get(id)
  }

  /** What is the same stays so, and with it what was derived from it; what is gone is overwritten. */
  learn(record: TenantRecord | undefined): void {
    const before = this.#keys
    const keys = record !== undefined && 'keys' in record ? record.keys : []
    this.#isShredded = record !== undefined && 'shreddedAt' in record
    this.#current = keys[0]?.id ?? ''
    this.#keys = new Map(
      keys.flatMap((one): [string, Uint8Array][] => {
        const key = before.get(one.id) ?? unwrapKey(this.#by, this.#tenant, one)
        return key === undefined ? [] : [[one.id, key]]
      }),
    )
    for (const [id, key] of before) if (!this.#keys.has(id)) key.fill(0)
    if (!this.canSeal) this.#codecs.clear()
  }

  /** The one of these options. */
  codec(options: CodecOptions): Codec {
    const known = this.#codecs.get(options) ?? valueCodec({ ...options, encrypt: this })
    this.#codecs.set(options, known)
    return known
  }
}
