// Lines of cron, read by the optional peer croner, which knows time zones and their changes of the clock.
import { MillpondError, show } from '../core/errors.ts'
import { loadPackage } from '../core/packages.ts'

/** The part of croner that is used. */
interface CronerModule {
  readonly Cron: new (line: string, options: { readonly timezone: string }) => { nextRun(after: Date): Date | null }
}

/** When the line fires next after an instant; `undefined`: never again. Epoch milliseconds. */
export type CronLine = (after: number) => number | undefined

/** @throws MillpondError `OPTION_INVALID` for what is not a line of cron, and where croner is not installed. */
export function cronLine(line: string, timezone: string): CronLine {
  const { Cron } = croner()
  try {
    const cron = new Cron(line, { timezone })
    return (after) => cron.nextRun(new Date(after))?.getTime()
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      `cron: ${show(line)} is not a cron expression: give five fields, such as '0 3 * * *' (daily at 3)`,
      {
        cause,
      },
    )
  }
}

function croner(): CronerModule {
  try {
    // Its own shape is trusted: it is the package that this file names.
    return loadPackage('croner') as CronerModule
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      'cron expressions need the package croner, which could not be loaded: run "npm install croner", or use every',
      {
        cause,
      },
    )
  }
}
