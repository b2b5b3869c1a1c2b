// Long work is answered with what it came to, or after a while with where to look: `Prefer: wait=N` (RFC 7240) says how long.
import { json, type Reply } from '../http/route.ts'
import type { OperationView } from './operations.ts'

const USUAL_S = 10
const MOST_S = 60

/**
 * @param start is given a function to call once the operation has its id
 * @throws what the work throws while it is waited for
 */
export async function orLater(
  request: Request,
  base: string,
  start: (began: (id: string) => void) => Promise<OperationView>,
): Promise<Reply> {
  const wanted = /(?:^|[,;\s])wait=(\d{1,4})/.exec(request.headers.get('prefer') ?? '')?.[1]
  const seconds = Math.min(MOST_S, wanted === undefined ? USUAL_S : Number(wanted))
  let id: string | undefined
  const work = start((known) => {
    id = known
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), seconds * 1000)
  })
  const first = await Promise.race([work, late]).finally(() => clearTimeout(timer))
  if (first !== 'late') return json(200, first)
  // It ends as failed on its own row.
  work.catch(() => undefined)
  return json(202, { id, state: 'running' }, id === undefined ? undefined : { Location: `${base}/operations/${id}/` })
}
