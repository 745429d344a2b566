export async function party() {}
