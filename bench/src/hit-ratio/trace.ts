// A trace of requests: gzip text, a request per line, `key` or `key size time`.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export interface Trace {
  readonly name: string
  /** A key per request, numbered from 0 in the order of first appearance. */
  readonly keys: Uint32Array
  /** Bytes per request, where the trace tells them. */
  readonly sizes?: Uint32Array
  readonly unique: number
}

/** The traces of a folder by name, each read when it is asked for; or the one trace of a file. */
export function traceFiles(path: string): { readonly name: string; readonly read: () => Trace }[] {
  const files = statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path]
  return files
    .filter((file) => file.endsWith('.gz'))
    .sort()
    .map((file) => {
      const name = (file.split('/').at(-1) ?? file).replace(/\.gz$/, '')
      return { name, read: () => parseTrace(name, gunzipSync(readFileSync(file)).toString('latin1')) }
    })
}

export function parseTrace(name: string, text: string): Trace {
  const lines = text.split('\n')
  const ids = new Map<string, number>()
  const keys: number[] = []
  const sizes: number[] = []
  for (const line of lines) {
    const [key = '', size] = line.trim().split(/\s+/)
    if (key === '') continue
    let id = ids.get(key)
    if (id === undefined) {
      id = ids.size
      ids.set(key, id)
    }
    keys.push(id)
    if (size !== undefined) sizes.push(Number(size))
  }
  const trace = { name, keys: Uint32Array.from(keys), unique: ids.size }
  return sizes.length === keys.length && sizes.length > 0 ? { ...trace, sizes: Uint32Array.from(sizes) } : trace
}
