// Writers behind a stream are killed, and so is the server that keeps it: the source has what they acknowledged, in order (G18).
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { isLong } from '../form.ts'
import { describeWith, startRedis } from '../services/index.ts'
import { killWriters } from './kill-writers.mjs'

/** As many as show that the judge works. */
const KILLS = isLong ? 1000 : 8

describeWith('redis', 'writers behind a stream', () => {
  it('lose nothing that was acknowledged when they or the server are killed', { timeout: isLong ? 7_200_000 : 180_000 }, async () => {
    const server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    try {
      let isOver = false
      let serverKills = 0
      const killing = (async () => {
        while (!isOver) {
          await sleep(500 + Math.random() * 1500)
          await server.kill()
          serverKills++
          await server.restart()
        }
      })()
      const buried = async (): Promise<void> => {
        isOver = true
        await killing
        const owners = (await server.command('HKEYS', '{millpond:writes:cache/default/item}:owners')) as string[]
        for (const owner of owners) await server.command('DEL', `{millpond:writes:cache/default/item}:lease:${owner}`)
      }
      const verdict = await killWriters({ durability: 'stream', url: server.url, buried, goesOn: (kills) => kills < KILLS })
      expect(verdict).toMatchObject({ kills: KILLS, lost: [], disordered: [] })
      expect(verdict.acked).toBeGreaterThan(KILLS * 20)
      expect(serverKills).toBeGreaterThan(0)
    } finally {
      await server.stop()
    }
  })
})
