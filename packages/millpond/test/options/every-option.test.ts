// Every option of every public options type, given garbage: refused at once, by a typed error that names it, shows the
// value, and says what to give.
import { rmSync } from 'node:fs'
import { CdnError } from '@millpond/cdn'
import { MillpondError } from 'millpond'
import { afterAll, describe, expect, it } from 'vitest'
import { show } from '../../src/core/errors.ts'
import { GARBAGE, ODD_NUMBERS } from './garbage.ts'
import { empty, NO_OPTIONS, PROBES, type Probe, witnesses } from './probes.ts'
import { publicOptionTypes } from './public-types.ts'

const TYPES = publicOptionTypes(new Set(Object.keys(PROBES)))

/** What to give, or what it should have been. */
const TELLS = /\b(give|use|name|there are)\b|\bis not (an? |\{)/

/** What is wrong within a value, shown in its place. */
const WITHIN: Readonly<Record<string, RegExp>> = {
  list: /\[0\]|undefined/,
  listOfLists: /\[0\]|7\.25/,
  object: /nonsense/,
  instance: /\bodd\b/,
  map: /nonsense/,
  empty: /is empty/,
}

/** What is wrong with how the value is refused; undefined: nothing. */
async function faultOf(
  probe: Probe,
  given: unknown,
  name: string,
  value: unknown,
  what: string,
): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const told = await Promise.race([
    attempt(() => probe.use(given)),
    new Promise<string>((resolve) => {
      timer = setTimeout(resolve, 20_000, 'nothing within 20 seconds')
    }),
  ]).finally(() => clearTimeout(timer))
  if (!(told instanceof Error)) return `accepted (${told})`
  const { message } = told
  if (!isOurs(told)) return `a raw ${message}`
  if (told instanceof MillpondError && !/_INVALID$|^VALUE_/.test(told.code))
    return `the code ${told.code}: ${told.message}`
  // By its name, or, of a list, by what one of it is called: "the tag 7".
  const singular = name.replace(/s$/, '')
  if (!told.message.includes(name) && !new RegExp(`\\b${singular}\\b`).test(told.message))
    return `does not name it: ${told.message}`
  if (probe.secret?.includes(name) === true) return undefined
  if (!TELLS.test(told.message)) return `does not say what to give: ${told.message}`
  const isShown = told.message.includes(show(value).slice(0, 60)) || WITHIN[what]?.test(told.message) === true
  if (!isShown && probe.besides?.includes(name) !== true) return `does not show the value: ${told.message}`
  return undefined
}

/**
 * The dashboard knows the library over HTTP alone: its errors are of JavaScript's own class, in the same form. A CDN's
 * have codes of their own.
 */
const isOurs = (told: unknown): told is Error =>
  told instanceof MillpondError ||
  told instanceof CdnError ||
  (told instanceof TypeError && told.message.startsWith('[millpond] '))

async function attempt(use: () => unknown): Promise<unknown> {
  try {
    const made = await use()
    if (typeof made === 'object' && made !== null && 'close' in made && typeof made.close === 'function')
      await made.close()
    return 'no error'
  } catch (error) {
    return error
  }
}

afterAll(() => {
  for (const made of [witnesses, empty]) rmSync(made, { recursive: true, force: true })
})

it('every options type of every entry point is tried', () => {
  const ids = TYPES.map(({ id }) => id)
  expect(ids.filter((id) => !(id in PROBES) && !(id in NO_OPTIONS))).toEqual([])
  expect([...Object.keys(PROBES), ...Object.keys(NO_OPTIONS)].filter((id) => !ids.includes(id))).toEqual([])
})

describe.each(TYPES.filter(({ id }) => id in PROBES).map((type) => [type.id, type] as const))('%s', (id, type) => {
  const probe = PROBES[id] as Probe

  it('takes what is right', async () => {
    expect(await attempt(() => probe.use(probe.base ?? {}))).toBe('no error')
  })

  it.each(type.options.map((option) => [option.name, option] as const))('%s', async (name, option) => {
    const faults: string[] = []
    const trial = async (what: string, value: unknown): Promise<void> => {
      const fault = await faultOf(probe, { ...probe.base, [name]: value }, name, value, what)
      if (fault !== undefined) faults.push(`${what}: ${fault}`)
    }
    const left = probe.leaves?.[name] ?? []
    for (const what of option.wrong) if (!left.includes(what)) await trial(what, GARBAGE[what])
    const takesAny = probe.takesAny?.includes(name) === true
    if (option.takesNumbers)
      for (const [what, value] of Object.entries(ODD_NUMBERS)) if (!takesAny || what === 'nan') await trial(what, value)
    if (option.takesTexts && !takesAny) await trial('empty', '')
    expect(faults.length, faults.join('\n')).toBe(0)
  })

  it('takes undefined for what may be left out', async () => {
    const optional = type.options.filter(({ isOptional }) => isOptional)
    expect(optional.filter(({ takesUndefined }) => !takesUndefined).map(({ name }) => name)).toEqual([])
    for (const { name } of optional)
      if (!(name in (probe.base ?? {})))
        expect(await attempt(() => probe.use({ ...probe.base, [name]: undefined })), name).toBe('no error')
  })

  it('refuses a name that is nearly right', async () => {
    const faults: string[] = []
    for (const { name } of type.options) {
      const near = `${name.slice(0, -2)}${name.at(-1)}${name.at(-2)}`
      if (near === name || type.options.some((other) => other.name === near)) continue
      const told = await attempt(() => probe.use({ ...probe.base, [near]: undefined }))
      if (!isOurs(told) || !told.message.includes(near) || (near.length > 2 && !/did you mean "/.test(told.message)))
        faults.push(`${near}: ${told}`)
    }
    expect(faults.length, faults.join('\n')).toBe(0)
  })

  it('refuses what is no options at all', async () => {
    const faults: string[] = []
    for (const [what, value] of Object.entries({ ...GARBAGE, nan: Number.NaN })) {
      if (probe.whole?.includes(what) === true) continue
      const told = await attempt(() => probe.use(value))
      if (!isOurs(told)) faults.push(`${what}: ${told}`)
    }
    expect(faults.length, faults.join('\n')).toBe(0)
  })
})
