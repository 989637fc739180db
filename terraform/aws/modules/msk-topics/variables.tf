variable "configuration_name" {
  description = "Name of the MSK configuration."
  type        = string
}

variable "kafka_versions" {
  description = "Kafka versions the configuration may be used with."
  type        = list(string)
}

variable "topic_prefix" {
  description = "Stands before the names orders, decisions and dead-letters; the option topic_prefix of pipeline."
  type        = string
  default     = ""
}

variable "partitions" {
  description = "Partitions of orders and of decisions: equally many, and never changed while a sale runs."
  type        = number

  validation {
    condition     = var.partitions >= 1 && var.partitions <= 4096
    error_message = "There are 1 to 4096 partitions."
  }
}

variable "replication" {
  description = "Copies of each record."
  type        = number
  default     = 3
}

variable "retention_ms" {
  description = "How long a record is kept, in milliseconds: longer than a sale and its audit."
  type        = number
  default     = 2592000000
}
