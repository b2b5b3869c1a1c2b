// Makes the site of the guide and the reference: its pages, then VitePress over them. `npm run docs` runs it.
// @ts-check
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vitepress'
import { stage } from './stage.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const made = await stage(fileURLToPath(new URL('../..', import.meta.url)), join(here, 'pages'))
await build(here)
// For the check, which knows what has to be there.
writeFileSync(
  join(here, 'dist', 'made.json'),
  JSON.stringify({
    guide: made.guide,
    names: made.names.map(({ name, page, members }) => ({
      name,
      page,
      members: members.map((one) => ({ name: one.name, at: one.at })),
    })),
  }),
)
