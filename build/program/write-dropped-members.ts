/** `npm run dropped-members`: writes build/program/dropped-members.txt anew. */
import { writeFileSync } from "node:fs";
import { droppedMembersFile, droppedMembersList } from "./dropped-members.ts";

writeFileSync(droppedMembersFile, await droppedMembersList());
