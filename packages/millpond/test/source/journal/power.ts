// A disk from which the power can be taken: what was not synced is lost, kept or torn, as a seeded draw decides.
import type { AppendFile, JournalFiles } from '../../../src/source/journal/files.ts'

interface Node {
  bytes: Buffer
  synced: number
}

/**
 * Files by path. A name survives a loss of power when its folder was synced since; small files written by `put` survive
 * with their name.
 */
export class PowerDisk implements JournalFiles {
  #names = new Map<string, Node>()
  #durable = new Map<string, Node>()
  /** Steps that changed the disk so far: the power can go after each. */
  steps = 0
  /** After this many steps every call throws. */
  cutAfter = Number.POSITIVE_INFINITY

  /** What is there when the power is back. `draw` gives numbers from 0 to 1. */
  afterPowerLoss(draw: () => number): PowerDisk {
    const next = new PowerDisk()
    const kept = new Map(this.#durable)
    for (const [path, node] of this.#names) if (draw() < 0.5) kept.set(path, node)
    for (const path of this.#durable.keys()) if (!this.#names.has(path) && draw() < 0.5) kept.delete(path)
    for (const [path, { bytes, synced }] of kept) {
      const length = synced + Math.floor(draw() * (bytes.length - synced + 1))
      const left = path.endsWith('/owner.json') ? ofEarlierBoot(bytes) : Buffer.from(bytes.subarray(0, length))
      next.#names.set(path, { bytes: left, synced: left.length })
    }
    next.#durable = new Map(next.#names)
    return next
  }

  #step(): void {
    if (++this.steps > this.cutAfter) throw new Error('the power is gone')
  }

  makeFolder(): void {}

  list(folder: string): readonly string[] {
    const inside = [...this.#names.keys()].filter((path) => path.startsWith(folder === '/' ? folder : `${folder}/`))
    return [...new Set(inside.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))].sort()
  }

  read(path: string): Buffer | undefined {
    return this.#names.get(path)?.bytes
  }

  put(path: string, text: string): void {
    this.#step()
    const bytes = Buffer.from(text)
    this.#names.set(path, { bytes, synced: bytes.length })
  }

  append(path: string): AppendFile {
    this.#step()
    const node: Node = { bytes: Buffer.alloc(0), synced: 0 }
    this.#names.set(path, node)
    return {
      write: (bytes) => {
        this.#step()
        node.bytes = Buffer.concat([node.bytes, bytes])
      },
      sync: async () => {
        this.#step()
        node.synced = node.bytes.length
      },
      truncate: (length) => {
        node.bytes = node.bytes.subarray(0, length)
        node.synced = Math.min(node.synced, length)
      },
      close: () => {},
    }
  }

  rename(from: string, to: string): boolean {
    this.#step()
    let isThere = false
    for (const [path, node] of [...this.#names]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      isThere = true
      this.#names.delete(path)
      this.#names.set(to + path.slice(from.length), node)
    }
    // A rename is one entry of its folder: after a loss of power the tree is under one name, not under both.
    for (const [path, node] of [...this.#durable]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue
      this.#durable.delete(path)
      this.#durable.set(to + path.slice(from.length), node)
    }
    return isThere
  }

  remove(path: string): void {
    this.#step()
    for (const name of [...this.#names.keys()])
      if (name === path || name.startsWith(`${path}/`)) this.#names.delete(name)
  }

  syncFolder(folder: string): void {
    this.#step()
    for (const [path, node] of this.#names) if (path.startsWith(`${folder}/`)) this.#durable.set(path, node)
    for (const path of [...this.#durable.keys()])
      if (path.startsWith(`${folder}/`) && !this.#names.has(path)) this.#durable.delete(path)
  }

  touch(path: string): boolean {
    return this.#names.has(path)
  }

  age(path: string): number {
    return this.#names.has(path) ? 0 : Number.POSITIVE_INFINITY
  }
}

const ofEarlierBoot = (owner: Buffer): Buffer =>
  Buffer.from(JSON.stringify({ ...JSON.parse(owner.toString()), boot: 'earlier' }))
