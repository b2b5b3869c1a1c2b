// Long-running work is answered with its result, or after a while with the URL of its operation: `Prefer: wait=N` (RFC
// 7240) sets how long.
import { json, type Reply } from '../http/route.ts'
import type { OperationView } from './operations.ts'

const USUAL_S = 10
const MOST_S = 60

/**
 * @param start gets a function to call once the operation has its id
 * @throws the work's errors, while it is waited for
 */
export async function orLater(
  request: Request,
  base: string,
  start: (began: (id: string) => void) => Promise<OperationView>,
): Promise<Reply> {
  const wanted = /(?:^|[,;\s])wait=(\d{1,4})/.exec(request.headers.get('prefer') ?? '')?.[1]
  const seconds = Math.min(MOST_S, wanted === undefined ? USUAL_S : Number(wanted))
  let known: (id: string) => void = () => undefined
  const began = new Promise<string>((resolve) => {
    known = resolve
  })
  const work = start(known)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000)
  })
  // However short the wait: an answer without an id could not be followed up.
  const first = await Promise.race([
    work.then((view) => ({ view, id: undefined })),
    Promise.all([began, late]).then(([id]) => ({ view: undefined, id })),
  ]).finally(() => clearTimeout(timer))
  if (first.view !== undefined) return json(200, first.view)
  // Its own row records that it failed.
  work.catch(() => undefined)
  return json(202, { id: first.id, state: 'running' }, { Location: `${base}/operations/${first.id}/` })
}
