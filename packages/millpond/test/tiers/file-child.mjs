// A process that works on a folder until it is done or killed. Arguments: folder of the compiled library, path, task,
// name, maxBytes. Each acknowledged step is one line on standard output, written before anything else happens.
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'

const [compiled = '', path = '', task = '', name = '', maxBytes = '0'] = process.argv.slice(2)
const { file } = await import(pathToFileURL(`${compiled}/src/tiers/file/index.js`).href)
const NOBODY = 65_534
const tier = file({ path: task === 'readOnly' ? `${path}-other` : path, maxBytes: Number(maxBytes), upkeepEvery: 10 })
const say = (/** @type {object} */ line) => writeSync(1, `${JSON.stringify(line)}\n`)
const body = (/** @type {number} */ step) =>
  new TextEncoder().encode(`${name} ${step} ${'x'.repeat((step * 37) % 5000)}`)
const item = (/** @type {string} */ key, /** @type {number} */ step) => ({
  key,
  body: body(step),
  expiresAt: Number.POSITIVE_INFINITY,
  asOf: { epoch: 'e0', seq: step },
})

/** Writes and drops a few keys of its own, for ever. */
async function churn() {
  for (let step = 0; ; step++) {
    const key = `${name}:k${step % 7}`
    const drops = step % 5 === 4
    if (drops) await tier.drop([key])
    else await tier.write([item(key, step), item(`${name}:filler${step % 50}`, step)])
    say({ key, seq: step, drops })
  }
}

/** Writes until the disk is full, then reads what was acknowledged. */
async function fill() {
  let refused = 0
  for (let step = 0; step < 400; step++) {
    const [answer] = await tier.write([item(`k${step}`, step)])
    if (answer !== undefined) refused++
    else if ((await tier.read([`k${step}`]))[0]?.asOf.seq !== step)
      throw new Error(`k${step} was acknowledged and is not there`)
  }
  say({ refused, ...(await tier.usage()) })
  await tier.close()
}

/**
 * Takes every descriptor that is left while a second tier on the folder is opened, again and again; then gives them
 * back.
 */
async function starve() {
  for (let step = 0; step < 600; step++) await tier.write([item(`k${step}`, step)])
  const other = file({ path, maxBytes: Number(maxBytes) })
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  /** @type {number[]} */
  const taken = []
  const failures = new Set()
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch {}
  // Enough for some of the segments.
  for (const fd of taken.splice(0, 10)) closeSync(fd)
  for (let tries = 0; tries < 5; tries++) await other.read(['k599']).catch((error) => failures.add(error.code))
  for (const fd of taken) closeSync(fd)
  const after = open()
  const [stored] = await other.read(['k599'])
  say({ failures: [...failures], leaked: after - before, seq: stored?.asOf.seq })
  await Promise.all([tier.close(), other.close()])
}

/**
 * Writes to a folder that may then only be read, and again when it may be written. As root, which may do everything, it
 * becomes somebody else.
 */
async function readOnly() {
  const inside = `${path}/inside`
  mkdirSync(path, { mode: 0o755 })
  mkdirSync(inside)
  chmodSync(dirname(path), 0o755)
  if (process.getuid?.() === 0) {
    chownSync(inside, NOBODY, NOBODY)
    process.setgid?.(NOBODY)
    process.setuid?.(NOBODY)
  }
  const codes = new Set()
  try {
    file({ path: `${path}/never` })
  } catch (error) {
    codes.add(Reflect.get(Object(error), 'code'))
  }
  const own = file({ path: inside, maxBytes: Number(maxBytes) })
  await own.write([item('first', 1)])
  chmodSync(inside, 0o555)
  let last = 1
  for (let step = 2; step < 200; step++)
    await own.write([item(`k${step}`, step)]).then(
      () => {
        last = step
      },
      (error) => codes.add(error.code),
    )
  const read = await own.read(['first', `k${last}`, 'k199'])
  chmodSync(inside, 0o755)
  await own.write([item('again', 7)])
  read.push(...(await own.read(['again'])))
  say({ codes: [...codes], isCut: last < 199, seqs: read.map((stored) => stored?.asOf.seq ?? null), last })
  await Promise.all([own.close(), tier.close()])
}

const TASKS = { churn, fill, starve, readOnly }
await TASKS[/** @type {keyof typeof TASKS} */ (task)]()
