// The job that makes one image's variants. A faulty image is its result, not a failure of the job: a retry would end
// the same way.
import { readFile } from 'node:fs/promises'
import { sha256OfBytes } from '../assets/hash.ts'
import { CdnError } from '../errors.ts'
import { isError } from '../is-error.ts'
import type { ImageSettings } from './options.ts'
import { openPicture } from './picture.ts'
import { Results } from './results.ts'
import { variantsOf } from './variants.ts'
import { type ImageJobs, Waiting } from './waiting.ts'

export interface ImageWork {
  /** In the source folder. */
  readonly path: string
  /** Its local path. */
  readonly at: string
  readonly output: string
  readonly settings: ImageSettings
}

const KIND = 'images.optimize'

export const settingsDigest = (settings: ImageSettings): string =>
  sha256OfBytes(Buffer.from(JSON.stringify(settings))).slice(0, 16)

interface Working {
  readonly waiting: Waiting
  /** Errors of this process's jobs. */
  readonly failures: Map<string, unknown>
  readonly end: () => void
}

/** By jobs: two optimisations over the same ones share their handler. */
const working = new WeakMap<ImageJobs, Working & { uses: number }>()

export function workOn(jobs: ImageJobs): Working {
  const one = working.get(jobs) ?? begin(jobs)
  one.uses++
  let isOver = false
  return {
    waiting: one.waiting,
    failures: one.failures,
    end() {
      if (isOver) return
      isOver = true
      if (--one.uses > 0) return
      one.end()
      working.delete(jobs)
    },
  }
}

function begin(jobs: ImageJobs): Working & { uses: number } {
  const waiting = new Waiting(jobs)
  const failures = new Map<string, unknown>()
  const end = jobs.handle(KIND, async (payload, { id, signal }) => {
    // A full disk is reported at once: the caller may retry.
    // As `byJob` has added it, through JSON.
    await make(payload as ImageWork, signal).catch((error: unknown) => failures.set(id, error))
  })
  const one = { waiting, failures, end, uses: 0 }
  working.set(jobs, one)
  return one
}

/** @throws CdnError `ABORTED`, `REFUSED` if the job itself failed: a full disk, a missing package. */
export async function byJob(
  work: ImageWork,
  jobs: ImageJobs,
  { waiting, failures }: Working,
  signal: AbortSignal | undefined,
): Promise<void> {
  const id = await jobs.add(KIND, work)
  const failure = await waiting.for(id, signal)
  if (signal?.aborted === true) {
    await jobs.cancel(id)
    throw new CdnError('ABORTED', 'the optimisation was interrupted: finished pictures are not made again', {
      vendor: 'images',
    })
  }
  const reason = failures.get(id) ?? failure
  failures.delete(id)
  if (reason instanceof CdnError) throw reason
  if (reason !== undefined) {
    const words = isError(reason) ? reason.message : String(reason)
    throw new CdnError('REFUSED', `${JSON.stringify(work.path)} could not be made: ${words}`, {
      vendor: 'images',
      cause: reason,
    })
  }
}

async function make({ path, at, output, settings }: ImageWork, signal: AbortSignal): Promise<void> {
  const results = new Results(output)
  const bytes = await readFile(at)
  const facts = { sha256: sha256OfBytes(bytes), bytes: bytes.byteLength, settings: settingsDigest(settings) }
  try {
    const picture = await openPicture(bytes, path, settings)
    await results.put(path, await variantsOf(picture, settings, signal), facts)
  } catch (error) {
    if (!(error instanceof CdnError) || error.code === 'PACKAGE_MISSING') throw error
    await results.fail({ path, ...facts, variants: [], failure: { code: error.code, message: error.message } })
  }
}
