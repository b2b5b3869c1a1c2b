// Setting up what is then measured: a machine that is busy elsewhere may make a library give up a command in time,
// which is its right.

const TRIES = 20
const PAUSE_MS = 100

/** Does it again when it fails, up to 20 times; rejects with the last failure. */
export async function surely<R>(work: () => Promise<R>): Promise<R> {
  for (let left = TRIES; ; left--) {
    try {
      return await work()
    } catch (error) {
      if (left === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}
