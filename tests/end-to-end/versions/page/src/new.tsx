import { chat, diary, headline, parcel, price, vote } from "../../../../../target/versions/new/typescript/index.js";
import { show } from "./show.js";

show([parcel, price, chat, diary, headline, vote], vote.answer);
