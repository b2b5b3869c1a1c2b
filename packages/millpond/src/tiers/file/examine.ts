// Examines the file tier.
import { resolve } from 'node:path'
import type { Tier, TierStep } from '../../core/contracts.ts'
import { counted } from '../../core/counted.ts'
import { folderFinding, noFolder } from '../disk.ts'
import { Examination, type Finding } from '../examination.ts'
import type { FileSettings } from './options.ts'

const STEP_MS = 5000

/** Never rejects. */
export async function examineFolder(
  tier: Pick<Tier, 'read'> & { usage(): Promise<{ readonly entries: number; readonly bytes: number }> },
  { path, maxBytes }: FileSettings,
): Promise<readonly TierStep[]> {
  const at = resolve(path)
  const examination = new Examination(STEP_MS)
  const open = async (): Promise<Finding> => {
    const { entries, bytes } = await tier.usage()
    const { detail, remedy } = folderFinding(at, bytes, maxBytes)
    return {
      detail: `${counted(entries, 'entry', 'entries')}, ${(bytes / 1_048_576).toFixed(1)} MiB, ${detail ?? ''}`,
      remedy,
    }
  }
  if ((await examination.step('open', at, open, noFolder)) === undefined) return examination.steps
  await examination.ping(
    at,
    () => tier.read(['examined']),
    () => 'the folder is damaged, or its disk does not answer: check the log of the host',
  )
  return examination.steps
}
