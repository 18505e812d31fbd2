# Laid beside a copy of infra/*.tf, never into infra/ itself.
provider "aws" {
  s3_use_path_style = true
  # The default of 25 makes ten minutes of waiting of one gap in the emulator.
  max_retries = 3
}
