export { isError } from 'millpond/options'
