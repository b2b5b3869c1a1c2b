// Restores an earlier version, after showing what that changes.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Configuration, ConfigurationVersion } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/section.tsx'
import { placeOf, usePlace } from '../../place/place.tsx'
import { Diff } from './diff.tsx'
import { changed } from './fields.ts'

export function RollBack({
  held,
  to,
  onClose,
}: {
  readonly held: Configuration
  readonly to: ConfigurationVersion
  readonly onClose: () => void
}) {
  const { client } = useDashboard()
  const { go } = usePlace()
  const queries = useQueryClient()
  const rollBack = useMutation({
    mutationFn: () =>
      client.send<Configuration>('POST', `configurations/${held.id}/rollback/`, { version: to.version }),
    onSuccess: async () => {
      onClose()
      go(placeOf('configurations', { id: held.id }))
      await queries.invalidateQueries()
    },
  })
  const changes = Object.fromEntries(
    changed(held, to.document).map((field) => [field, { from: held[field], to: to.document[field] }]),
  )
  const isSame = Object.keys(changes).length === 0
  return (
    <Dialog title={`Roll ${held.name} back to version ${to.version}`} onClose={onClose}>
      <Diff changes={changes} from={`${held.version}, in force`} to={`as in ${to.version}`} />
      <Notice>
        <b>Rolling back drops nothing.</b> It becomes version {held.version + 1}; existing entries keep the TTL they
        were stored with.
      </Notice>
      {rollBack.error !== null && <Failure error={rollBack.error} what="The roll-back" />}
      <div className="row">
        <button type="button" className="btn" onClick={onClose}>
          Leave it
        </button>
        <button
          type="button"
          className="btn btn-primary"
          onClick={() => rollBack.mutate()}
          disabled={rollBack.isPending || isSame}
        >
          Roll back to {to.version}
        </button>
      </div>
    </Dialog>
  )
}
