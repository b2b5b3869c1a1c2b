// The changes of a version: before, after.
import type { Changes } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import { FIELD_NAMES, isField, written } from './fields.ts'

export function Diff({ changes, from, to }: { readonly changes: Changes; readonly from: string; readonly to: string }) {
  const { numbers } = useDashboard()
  const entries = Object.entries(changes)
  if (entries.length === 0) return <p>There are no differences.</p>
  return (
    <table className="diff">
      <caption className="sr">
        Settings that differ between {from} and {to}
      </caption>
      <thead>
        <tr>
          <th scope="col">Setting</th>
          <th scope="col">{from}</th>
          <th scope="col">{to}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map(([field, change]) => (
          <tr key={field}>
            <th scope="row">{isField(field) ? FIELD_NAMES[field] : field}</th>
            <td>
              {change.from === null || change.from === undefined ? (
                <span className="note">not set</span>
              ) : (
                <del>{written(field, change.from, numbers)}</del>
              )}
            </td>
            <td>
              <ins>{written(field, change.to, numbers)}</ins>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
