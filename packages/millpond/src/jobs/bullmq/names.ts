// Our names in BullMQ's form: its queues and jobs may not contain a colon, and a job id may neither be a number nor one
// of BullMQ's own part names (`failed`), since their keys share a namespace.

const escaped = (text: string): string => text.replace(/[^\w.@-]/g, hex)
const hex = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
const plain = (text: string): string =>
  text.replace(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))

/** Jobs of a kind have their own queue. The first dot ends our queue's name, so that different pairs never collide. */
export const bullQueueName = (queue: string, kind: string): string => `${queue.replaceAll('.', '%2E')}.${escaped(kind)}`

/** Ids in both directions. `reserved`: the names of BullMQ's own parts. */
export interface Ids {
  toBull(id: string): string
  /** An id that BullMQ itself has assigned (`17`, `repeat:report:1800000000000`) stays as it is. */
  fromBull(bullId: string): string
}

export function openIds(reserved: Iterable<string>): Ids {
  const parts = new Set(reserved)
  const toBull = (id: string): string => {
    const text = escaped(id)
    return parts.has(text) || /^-?\d+$/.test(text) ? hex(text.slice(0, 1)) + text.slice(1) : text
  }
  return {
    toBull,
    fromBull(bullId) {
      const id = plain(bullId)
      return toBull(id) === bullId ? id : bullId
    },
  }
}
