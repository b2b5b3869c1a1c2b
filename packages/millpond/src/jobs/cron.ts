// Cron expressions, parsed by the optional peer croner, which knows time zones and daylight saving.
import { MillpondError, show } from '../core/errors.ts'
import { loadPackage } from '../core/packages.ts'

/** The used part of croner. */
interface CronerModule {
  readonly Cron: new (line: string, options: { readonly timezone: string }) => { nextRun(after: Date): Date | null }
}

/** When the expression next matches after an instant; `undefined`: never again. Epoch milliseconds. */
export type CronLine = (after: number) => number | undefined

/** @throws MillpondError `OPTION_INVALID` for an invalid cron expression, and if croner is not installed. */
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
    // Its types are trusted: it is the package named here.
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
