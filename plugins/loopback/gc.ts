/** Does nothing: nothing is kept for an attachment outside its namespace. */
export function gc(): void {}
