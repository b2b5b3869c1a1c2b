// Writers behind a stream are killed, and so is the server that keeps it: the source has what they acknowledged, in
// order (G18).
import { expect, it } from 'vitest'
import { describeWith, startRedis } from '../services/index.ts'
import { killStreamWriters } from './kill-writers.mjs'

/** As many as show that the judge works; `npm run kills` has the thousands. */
const KILLS = 8

describeWith('redis', 'writers behind a stream', () => {
  it('lose nothing that was acknowledged when they or the server are killed', { timeout: 180_000 }, async () => {
    const server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    try {
      const verdict = await killStreamWriters({ server, goesOn: (kills) => kills < KILLS })
      expect(verdict).toMatchObject({ kills: KILLS, lost: [], disordered: [] })
      expect(verdict.acked).toBeGreaterThan(KILLS * 20)
      expect(verdict.serverKills).toBeGreaterThan(0)
    } finally {
      await server.stop()
    }
  })
})
