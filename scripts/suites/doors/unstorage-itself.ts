export * from 'unstorage'
