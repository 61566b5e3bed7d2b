export interface Input { name?: string }
export interface Output { message: string }

// From the page.
export async function main(input: Input): Promise<Output> {
return { message: `hello ${input.name ?? 'world'}` } as Output;
}
// To here.
