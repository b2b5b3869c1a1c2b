// A write that the data does not allow.

export class Refused extends Error {
  readonly status: 403 | 404 | 409 | 422
  constructor(status: 403 | 404 | 409 | 422, detail: string) {
    super(detail)
    this.name = 'Refused'
    this.status = status
  }
}

/** The record has changed since it was read: read it again. */
export class Moved extends Error {}
