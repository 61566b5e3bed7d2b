// A server of the Model Context Protocol for a bakery: what is in stock, and what goes into a bread.
import { serve, text, tool } from "../mcp.mjs";

const STOCK = { "rye flour": 2400, "wheat flour": 900, salt: 500 };
const RECIPES = { rye: { "rye flour": 600, salt: 12, caraway: 3 } };

const TOOLS = [
  tool("stock", "How much there is of an ingredient", "ingredient", "Its name"),
  tool("recipe", "What goes into one loaf", "bread", "The kind of bread"),
];

serve("bakery", TOOLS, (name, { ingredient, bread }) => {
  if (name === "stock") return ingredient in STOCK ? text(`${STOCK[ingredient]} g of ${ingredient}`, false) : text(`there is no ${ingredient}`, true);
  return bread in RECIPES ? text(JSON.stringify(RECIPES[bread]), false) : text(`nobody knows how to bake ${bread}`, true);
});
