// Properties are tried on the same values each time, so that `npm test` says of a commit what it said before; the long
// form draws others.
import fc from 'fast-check'

/** `MILLPOND_SEED=7 npx vitest run packages/millpond/test/codec` tries others. */
fc.configureGlobal({ seed: Number(process.env.MILLPOND_SEED ?? 20_261_127) })

export default fc
