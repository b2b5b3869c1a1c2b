// A real S3 of npm's (s3rver) behind a door that counts requests and can refuse them, the way S3 does.
import crypto from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// @ts-expect-error it has no types
import S3rver from 's3rver'

// Its page tokens are sealed by DES, which Node's OpenSSL no longer has: any other cipher does.
const { createCipheriv, createDecipheriv } = crypto
const twice = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, bytes])
crypto.createCipheriv = ((name: string, key: Uint8Array, iv: Uint8Array) =>
  name === 'des'
    ? createCipheriv('aes-128-cbc', twice(key), twice(iv))
    : createCipheriv(name, key, iv)) as typeof createCipheriv
crypto.createDecipheriv = ((name: string, key: Uint8Array, iv: Uint8Array) =>
  name === 'des'
    ? createDecipheriv('aes-128-cbc', twice(key), twice(iv))
    : createDecipheriv(name, key, iv)) as typeof createDecipheriv

// What the SDK says once of this Node is no fault of an upload.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'

export interface Refusal {
  readonly status: number
  readonly code: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface S3Server {
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** `PUT key`, `GET ?list-type=2`, ..., as they came. */
  readonly requests: string[]
  /** Called with each request; what it returns is answered in the server's place. */
  refuse:
    | ((method: string, path: string, headers: Readonly<Record<string, unknown>>) => Refusal | 'cut' | undefined)
    | undefined
  puts(): string[]
  close(): Promise<void>
}

export async function startS3(buckets: readonly string[]): Promise<S3Server> {
  const directory = mkdtempSync(join(tmpdir(), 'millpond-s3-'))
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory,
    configureBuckets: buckets.map((name) => ({ name })),
  })
  const { port } = await server.run()
  const requests: string[] = []
  const door = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming
    const path = decodeURIComponent(url.replace(/\?x-id=\w+$/, '').replace(/&x-id=\w+/, ''))
    requests.push(`${method} ${path}`)
    const refusal = self.refuse?.(method, path, headers)
    if (refusal === 'cut') return void incoming.socket.destroy()
    if (refusal !== undefined) {
      incoming.resume()
      outgoing.writeHead(refusal.status, { 'Content-Type': 'application/xml', ...refusal.headers })
      return void outgoing.end(
        method === 'HEAD'
          ? undefined
          : `<?xml version="1.0"?><Error><Code>${refusal.code}</Code><Message>no</Message></Error>`,
      )
    }
    const passed = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  const self: S3Server = {
    endpoint: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    requests,
    refuse: undefined,
    puts: () =>
      requests
        .filter((line) => line.startsWith('PUT '))
        .map((line) => line.slice('PUT '.length).replace(/^\/[^/]+\//, '')),
    async close() {
      door.close()
      door.closeAllConnections()
      await server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return self
}
