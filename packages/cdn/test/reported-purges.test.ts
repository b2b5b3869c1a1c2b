// What users of other tools have reported about purges and about names of files in buckets, tried on ours.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cloudflare, createCdn, edgeTag, edgeTargets, fastly } from '@millpond/cdn'
import { s3Store, uploadAssets } from '@millpond/cdn/assets'
import { describe, expect, it } from 'vitest'
import { startS3 } from './assets/s3-server.ts'
import { write } from './assets/site.ts'
import { serve } from './vendors/wire.ts'

/** What a vendor is sent. */
async function sent(
  act: (api: string) => Promise<unknown>,
): Promise<{ readonly path: string; readonly body: string }[]> {
  const asked: { path: string; body: string }[] = []
  const vendor = await serve(({ path, body }) => {
    asked.push({ path, body })
    const keys: string[] = body.includes('surrogate_keys') ? JSON.parse(body).surrogate_keys : []
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        success: true,
        result: { id: 'x' },
        ...Object.fromEntries(keys.map((key) => [key, 'id'])),
      }),
    }
  })
  await act(vendor.url)
  return asked
}
const atCloudflare = (paths: readonly string[]) =>
  sent((api) =>
    createCdn({ edges: [cloudflare({ token: 'x', zone: 'y', api, origin: 'https://example.com' })] }).purge(paths),
  )

describe('purges', () => {
  it.each([
    [
      'putyourlightson/craft-blitz#879, rtCamp/nginx-helper#124: no slash is added or taken away',
      '/nl',
      'https://example.com/nl',
    ],
    ['FRiCKLE/ngx_cache_purge#37: nor at the end of a folder', '/nl/', 'https://example.com/nl/'],
    [
      'castlecms/castle.cms#473: a name beyond ASCII is purged as browsers ask for it',
      '/käse',
      'https://example.com/k%C3%A4se',
    ],
    [
      'akamai/cli-purge#23: a slash in a query stays one',
      '/page?url=TEST.AUDIO.GO/EN',
      'https://example.com/page?url=TEST.AUDIO.GO/EN',
    ],
    [
      'FRiCKLE/ngx_cache_purge#61: the query belongs to the address',
      '/a?page=2&x=%20',
      'https://example.com/a?page=2&x=%20',
    ],
  ])('%s', async (_, path, url) => {
    expect(JSON.parse((await atCloudflare([path]))[0]?.body ?? '')).toEqual({ files: [url] })
  })

  it('cloudflare/cloudflare-docs#25277: a path without a host says what is missing, and nothing is sent', async () => {
    const asked = await sent(async (api) => {
      const cdn = createCdn({ edges: [cloudflare({ token: 'x', zone: 'y', api })] })
      await expect(cdn.purge(['/path/to/image.jpg'])).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('origin'),
      })
    })
    expect(asked).toEqual([])
  })

  it('fastly/fastly-magento2#104: more keys than fit into a request are several requests, each key once', async () => {
    const tags = Array.from({ length: 600 }, (_, at) => ({ kind: 'tag' as const, tag: `cat_p_${at}` }))
    const asked = await sent((api) => createCdn({ edges: [fastly({ token: 'x', service: 'y', api })] }).purge(tags))
    const keys = asked.map(({ body }): string[] => JSON.parse(body).surrogate_keys)
    expect(keys.map(({ length }) => length).sort((a, b) => b - a)).toEqual([256, 256, 88])
    expect(new Set(keys.flat()).size).toBe(600)
  })

  it.each(['concierge/25492', 'org 7', 'ä'.repeat(700), 'x'.repeat(2000), 'a,b', '50%'])(
    'fastly/fastly-rails#42, fastly/WordPress-Plugin#60: an invalidation purges a tag by the very name that the answer carried: %s',
    (tag) => {
      const name = edgeTag(tag)
      expect(name.length).toBeLessThanOrEqual(1024)
      expect(edgeTargets({ kind: 'tag', tag })).toEqual([{ kind: 'tag', tag: name }])
    },
  )
})

describe('names in a bucket', () => {
  it('iterate-ch/cyberduck#15264, peak/s5cmd#375, s3tools/s3cmd#829: are those of the files, and a plus is not a space', async () => {
    const s3 = await startS3(['names'])
    const both = mkdtempSync(join(tmpdir(), 'millpond-names-'))
    try {
      const folder = join(both, 'dist')
      mkdirSync(folder)
      const names = [
        'cat+mustache.gif',
        'cat mustache.gif',
        'file_with$special@char.txt',
        'a/The File (1).pdf',
        "it's.txt",
        'a=b&c.txt',
        '100%.txt',
      ]
      for (const name of names) write(folder, name, name)
      const to = s3Store(
        { bucket: 'names', region: 'us-east-1', endpoint: s3.endpoint, credentials: s3.credentials },
        {},
      )
      const { manifest } = await uploadAssets({ folder, to, naming: () => 'keep' })
      for (const name of names) {
        expect(manifest.files[name]?.key).toBe(name)
        expect(Buffer.from((await to.read(name))?.body ?? []).toString(), name).toBe(name)
      }
      expect((await uploadAssets({ folder, to, naming: () => 'keep' })).sent).toEqual([])
    } finally {
      rmSync(both, { recursive: true, force: true })
      await s3.close()
    }
  })
})
