// The unwrapped keys of one tenant: a ring like any other, updated from its record.
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
  /** By the options that created them: each counts its own nonces. */
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

  /**
   * Whether it has a key to encrypt with: false if none was created yet, or the ring does not have the key that wraps
   * it.
   */
  get canSeal(): boolean {
    return this.#keys.has(this.#current)
  }

  key(id: string): Uint8Array | undefined {
    return this.#keys.get(id)
  }

  /** Unchanged keys are kept, with everything derived from them; removed ones are overwritten. */
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

  /** The codec for these options. */
  codec(options: CodecOptions): Codec {
    const known = this.#codecs.get(options) ?? valueCodec({ ...options, encrypt: this })
    this.#codecs.set(options, known)
    return known
  }
}
