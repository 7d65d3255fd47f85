/**
 * The page of a list that shows something: past the end it is the last one, since rows go while links to them stand.
 *
 * @param number  of the page that is asked for, from 1; @param total  rows of the list; @param size  rows of a page
 */
export const pageWithin = (number: number, total: number, size: number): number => Math.min(number, Math.max(1, Math.ceil(total / size)));
