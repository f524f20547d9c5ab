import { showPage } from "@consilium/page/shell/showPage";
import { Pages } from "./shell/Pages.tsx";

showPage(<Pages />);
