SELECT record_statistics(:silence_ms, :with_depths)
