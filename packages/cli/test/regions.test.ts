// `millpond regions`: how two regions stand, and one of them drained, filled and let serve.
import { createCache, memory } from 'millpond'
import { simulatedServer } from 'millpond/testing'
import { edge } from 'millpond/tiers/edge'
import { expect, it } from 'vitest'
import { openDesk } from './desk.ts'

it('lists regions, and drains, fills and restores one', async () => {
  const stores = { us: simulatedServer(), eu: simulatedServer() }
  const start = (region: 'us' | 'eu') => {
    const regions = { us: { ledger: stores.us.connect() }, eu: { ledger: stores.eu.connect() } }
    return createCache({ name: 'wide', tiers: [memory(), edge({ regions, region, origin: 'us' })] })
  }
  const [us, eu] = [start('us'), start('eu')]
  for (let n = 0; n < 20; n++) await us.set(`deal:${n}`, n)
  await eu.get('none') // the namespace is followed from here on
  const desk = await openDesk({ caches: [eu] })
  const run = (...args: string[]) => desk.run(['regions', ...args], { as: 'editor' })

  await expect.poll(() => run('list'), { timeout: 20_000 }).toMatchObject({ code: 0, err: '' })
  expect((await run('list')).out).toMatch(
    /^CACHE +REGION +STANDS +PROCESSES +BEHIND +FILLED\nwide +eu +serving +\S+ +- +-\nwide +us \(origin\) +serving +eu: /,
  )
  expect(await run('drain', 'eu')).toMatchObject({ code: 9, err: expect.stringContaining('use --yes') })
  expect((await run('list', '--json')).json.data[0].state).toBe('serving')
  expect(await run('drain', 'eu', '--wait', '30', '--yes')).toMatchObject({
    code: 0,
    out: 'eu is drained and safe to stop: the others have received everything from it\n',
  })
  expect((await run('list')).out).toMatch(/^wide +eu +drained/m)
  expect(await run('drain', 'us', '--yes')).toMatchObject({
    code: 6,
    err: expect.stringContaining(
      '"us" is the last serving region: let "eu" serve first, or use --force, and everything is loaded from the source meanwhile',
    ),
  })
  expect((await run('fill', 'eu', '--from', 'us', '--rate', '1000')).out).toMatch(/^eu: \d+ of \d+ keys of us, /)
  await expect
    .poll(async () => (await run('list')).out, { timeout: 20_000 })
    .toMatch(/^wide +eu +serving .* 20 of 20 keys of us, [^;]*B$/m)
  expect(await run('serve', 'eu', '--json')).toMatchObject({ code: 0, json: { cache_name: 'wide', region: 'eu' } })
  expect(await run('drain', 'mars', '--yes')).toMatchObject({ code: 5 })
  expect(await desk.run(['regions', 'serve', 'eu'], { as: 'operator' })).toMatchObject({ code: 4 })
  await desk.close()
  await Promise.all([us.close(), eu.close()])
}, 60_000)
