// The table of commands.
import type { Command } from '../command.ts'
import { audit, login, logout, tokenCreate, tokenList, tokenRevoke, whoami } from './access.ts'
import { alertsList, alertsResolve, alertsSilence, mark, nodes } from './alerts.ts'
import { applied } from './applied.ts'
import { assetsUpload } from './assets.ts'
import { autoApply } from './auto-apply.ts'
import { benchmark } from './benchmark.ts'
import { cdnAnalytics, cdnImages, cdnLocations, cdnPurge, cdnStatus, cdnUpload } from './cdn.ts'
import { completion } from './completion.ts'
import { configGet, configList } from './config.ts'
import { configApply, configDiff, configRollback, configValidate } from './config-change.ts'
import { cost } from './cost.ts'
import { grafana, prometheusRules } from './dashboards.ts'
import { erase, receipt } from './erase.ts'
import {
  experimentsApply,
  experimentsList,
  experimentsRollback,
  experimentsShow,
  experimentsStart,
  experimentsStop,
} from './experiments.ts'
import { exportPrometheus } from './export.ts'
import { freshness } from './freshness.ts'
import { healthCheck, testConnection } from './health.ts'
import { imagesOptimize } from './images.ts'
import { clear, invalidate } from './invalidate.ts'
import { jobsList, jobsRun } from './jobs.ts'
import { explain, inspect, keys, top } from './keys.ts'
import { cleanup, test } from './maintenance.ts'
import { mcp } from './mcp.ts'
import { monitor } from './monitor/index.ts'
import { operationsCancel, operationsList, operationsRollback, operationsShow, operationsWait } from './operations.ts'
import { optimize } from './optimize.ts'
import { prediction } from './prediction.ts'
import { proposalsApprove, proposalsList, proposalsReject, proposalsShow } from './proposals.ts'
import { regionsDrain, regionsFill, regionsList, regionsServe } from './regions.ts'
import { compliance, report } from './reports.ts'
import { status } from './status.ts'
import { trends } from './trends.ts'
import { ui } from './ui.ts'
import { undo, warm } from './warm.ts'
import { warmPlanRun, warmPlans } from './warm-plans.ts'
import { whatIf } from './what-if.ts'

export { type Command, GROUPS } from '../command.ts'

export const COMMANDS: readonly Command[] = [
  status,
  monitor,
  top,
  keys,
  explain,
  inspect,
  nodes,
  healthCheck,
  testConnection,
  alertsList,
  jobsList,
  regionsList,
  warmPlans,
  cdnStatus,
  cdnLocations,
  cdnAnalytics,
  operationsList,
  operationsShow,
  operationsWait,
  operationsCancel,
  invalidate,
  clear,
  cdnPurge,
  cdnUpload,
  cdnImages,
  erase,
  warm,
  warmPlanRun,
  undo,
  jobsRun,
  proposalsList,
  proposalsShow,
  proposalsApprove,
  proposalsReject,
  regionsDrain,
  regionsFill,
  regionsServe,
  mark,
  alertsResolve,
  alertsSilence,
  test,
  report,
  benchmark,
  optimize,
  applied,
  operationsRollback,
  autoApply,
  whatIf,
  cost,
  trends,
  experimentsList,
  experimentsShow,
  experimentsStart,
  experimentsStop,
  experimentsApply,
  experimentsRollback,
  prediction,
  freshness,
  exportPrometheus,
  prometheusRules,
  configList,
  configGet,
  configDiff,
  configValidate,
  configApply,
  configRollback,
  cleanup,
  audit,
  compliance,
  receipt,
  whoami,
  login,
  logout,
  tokenList,
  tokenCreate,
  tokenRevoke,
  ui,
  mcp,
  assetsUpload,
  imagesOptimize,
  grafana,
  completion,
]

export const commandAt = (name: string): Command | undefined => COMMANDS.find((command) => command.name === name)

/** The first word of several commands. */
export const isGroup = (word: string): boolean => COMMANDS.some(({ name }) => name.startsWith(`${word} `))
