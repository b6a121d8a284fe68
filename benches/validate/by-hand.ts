// Hand-written zod schemas of the same payloads.
import * as z from "zod";

const customer = z.object({
  name: z.string().min(1).max(120),
  email: z.email(),
  phone: z.string().max(40).optional(),
});

const line = z.object({
  sku: z.string().regex(/^[A-Z]{3}-[0-9]{4}$/),
  title: z.string().min(1).max(120),
  quantity: z.int().min(1).max(1000),
  price: z.number().min(0),
});

export const order = z.object({
  id: z.uuid(),
  created: z.iso.datetime({ offset: true }),
  state: z.enum(["draft", "placed", "paid", "shipped"]),
  customer,
  lines: z.array(line).max(100),
  total: z.number().min(0),
  tags: z.array(z.string().min(1).max(40)).max(20),
  note: z.string().max(500).nullable(),
  isUrgent: z.boolean().optional(),
});

export const progress = z.object({
  run: z.string().min(1).max(40),
  step: z.enum(["research", "write", "complete"]),
  percent: z.int().min(0).max(100),
  message: z.string().min(1),
});

export const archive = z.object({ orders: z.array(order) });
