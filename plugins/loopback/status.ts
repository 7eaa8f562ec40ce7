/** Does nothing: ADD needs no more than every kernel has. */
export function status(): void {}
