/** A program with nothing in it: what starting and ending a packaged executable takes at the least. */
process.exit(0);
