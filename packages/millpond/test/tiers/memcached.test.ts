// The Memcached tier against the published suite, on one real server and on three.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { describeTier, type StoredRecord } from '../../src/testing/tier.ts'
import { type MemcachedTierOptions, memcached } from '../../src/tiers/memcached/index.ts'
import { describeWith, PATIENCE, type Service, startMemcached } from '../services/index.ts'
import { talk } from './memcached-raw.ts'

describeWith('memcached', 'the memcached tier', () => {
  let servers: Service[] = []
  let keyPrefix = ''
  beforeAll(async () => {
    servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
  })
  afterAll(() => Promise.all(servers.map((server) => server.stop())))

  const suite = (name: string, count: number, options: MemcachedTierOptions = {}): void => {
    const again = async () =>
      memcached({
        servers: servers.slice(0, count).map(({ host, port }, at) => ({ host, port, weight: at + 1 })),
        keyPrefix,
        ...PATIENCE,
        ...options,
      })
    describeTier(
      { describe, it },
      {
        name,
        open: () => {
          keyPrefix = `test-${randomBytes(4).toString('hex')}:`
          return again()
        },
        again,
        // On a ring the record lies with one of the servers, in the same form.
        ...(count === 1 && {
          record: recordOn(
            () => servers[0]?.port ?? 0,
            () => keyPrefix,
          ),
        }),
        skips: {
          bounded: 'how much it holds is a setting of the server: -m',
          usage: 'a server cannot tell the entries of one cache from others without a listing',
          ...(count > 1 && {
            'every-bit': 'a record has the form that it has on one server, where each bit is flipped',
          }),
        },
      },
    )
  }
  suite('memcached', 1)
  suite('memcached (three servers of different weights)', 3)
  suite('memcached (three servers, four connections to each)', 3, { poolSize: 4 })
})

/** The record as the server holds it, under a name that tells the key. */
function recordOn(port: () => number, prefix: () => string): StoredRecord {
  return {
    load: async (key) => {
      const reply = Buffer.from(await talk(port(), `mg ${prefix()}${key} v\r\nmn\r\n`, 'MN\r\n'), 'latin1')
      const from = reply.indexOf('\r\n') + 2
      return [reply.subarray(from, from + Number(/^VA (\d+)/.exec(reply.toString('latin1'))?.[1]))]
    },
    store: async (key, [bytes = new Uint8Array()]) => {
      const command = [Buffer.from(`ms ${prefix()}${key} ${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
      return (await talk(port(), Buffer.concat(command))) === 'HD\r\n'
    },
  }
}
