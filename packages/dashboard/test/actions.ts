// Every action of the pages, by the file that sends it, and a watch on which of them a suite has carried out by
// keyboard.
import type { Page } from 'playwright-core'
import type { TestContext } from 'vitest'

/** Which suite carries it out by Tab, Enter, Space and arrows alone. */
type Suite = 'keyboard' | 'cdn' | 'experiments' | 'insight' | 'proposals' | 'regions'

/** Reading what is kept on record is an action, too. */
export const ACTIONS: Readonly<Record<string, Readonly<Record<string, Suite>>>> = {
  'shell/gate.tsx': { 'POST session/': 'keyboard', 'DELETE session/': 'keyboard' },
  'pages/access/make-token.tsx': { 'POST tokens/': 'keyboard' },
  'pages/access/make-user.tsx': { 'POST users/': 'keyboard' },
  'pages/access/remove.tsx': {
    'DELETE tokens/{id}/': 'keyboard',
    'DELETE users/{id}/': 'keyboard',
    'DELETE silences/{id}/': 'keyboard',
    'DELETE configurations/{id}/': 'keyboard',
    'DELETE warming/{id}/': 'keyboard',
  },
  'pages/alerts/silence.tsx': { 'POST silences/': 'keyboard' },
  'pages/audit.tsx': { 'GET audit/verify/': 'keyboard', 'GET audit/': 'keyboard' },
  'pages/cdn/folders.tsx': { 'POST cdn/upload_assets/': 'cdn', 'POST cdn/optimize_images/': 'cdn' },
  'pages/cdn/purges.tsx': { 'POST cdn/invalidate_cdn/': 'cdn' },
  'pages/configurations/edit.tsx': { 'POST configurations/': 'keyboard', 'PUT configurations/{id}/': 'keyboard' },
  'pages/configurations/roll-back.tsx': { 'POST configurations/{id}/rollback/': 'keyboard' },
  'pages/configurations/test-connection.tsx': { 'POST configurations/{id}/test_connection/': 'keyboard' },
  'pages/experiments/acts.tsx': {
    'POST experiments/{id}/stop/': 'experiments',
    'POST experiments/{id}/apply/': 'experiments',
    'POST experiments/{id}/roll_back/': 'experiments',
  },
  'pages/experiments/begin.tsx': { 'POST experiments/': 'experiments' },
  'pages/insight/apply.tsx': {
    'POST optimizations/apply/': 'insight',
    'POST optimizations/{id}/roll_back/': 'insight',
  },
  'pages/insight/automatic-changes.tsx': { 'PUT optimizations/auto/': 'insight' },
  'pages/invalidate/answers.tsx': { 'POST invalidations/{id}/undo/': 'keyboard' },
  'pages/invalidate/composer.tsx': {
    'POST invalidations/plan/': 'keyboard',
    'POST invalidations/invalidate_keys/': 'keyboard',
  },
  'pages/keys/bytes.tsx': { 'GET keys/{key}/copies/': 'keyboard' },
  'pages/keys/value.tsx': { 'GET keys/{key}/value/': 'keyboard' },
  'pages/now/parts.tsx': { 'POST alerts/{id}/resolve/': 'keyboard' },
  'pages/now/region-acts.tsx': {
    'POST regions/{name}/drain/': 'regions',
    'POST regions/{name}/fill/': 'regions',
    'POST regions/{name}/serve/': 'regions',
  },
  'pages/proposals/decide.tsx': {
    'POST proposals/{id}/approve/': 'proposals',
    'POST proposals/{id}/reject/': 'proposals',
  },
  'pages/proposals/one.tsx': { 'POST proposals/{id}/plan/': 'proposals' },
  'pages/warm/runs.tsx': { 'DELETE operations/{id}/': 'keyboard' },
  'pages/warm/warm.tsx': {
    'POST warming/': 'keyboard',
    'POST warming/warm_keys/': 'keyboard',
    'POST warming/{id}/execute/': 'keyboard',
  },
}

const all = Object.values(ACTIONS).flatMap((of) => Object.entries(of))

/**
 * @returns the suite's actions that no test has carried out on the page since; judged where all its tests before have
 * run to their end
 */
export function watchActions(page: Page, suite: Suite): (context: TestContext) => readonly string[] {
  const done = new Set<string>()
  page.on('request', (request) => {
    const [, path] = /\/api\/admin\/caching\/([^?]*)/.exec(request.url()) ?? []
    if (path !== undefined) done.add(`${request.method()} ${path}`)
  })
  return ({ task }) => {
    const tasks = task.suite?.tasks ?? []
    if (tasks.slice(0, tasks.indexOf(task)).some(({ result }) => result?.state !== 'pass')) return []
    return all
      .filter(
        ([action, of]) =>
          of === suite && ![...done].some((one) => new RegExp(`^${action.replace(/\{\w+\}/g, '[^/]+')}$`).test(one)),
      )
      .map(([action]) => action)
  }
}
